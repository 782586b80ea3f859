"""Converters of public data sets from their original downloads."""
