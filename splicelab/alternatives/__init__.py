"""The answers that the thread names, one short file each."""
