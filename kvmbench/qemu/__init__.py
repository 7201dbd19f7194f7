"""QEMU: its command line, its images, its guests."""
