"""Converters of public data sets as they are downloaded."""
