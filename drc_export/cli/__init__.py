"""The commands of the export package: one file a command, each thin over one public function."""
