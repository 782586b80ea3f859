"""The commands that need the training packages, one file each, thin over one public function."""
