"""QEMU's command line understood: read, built, explained, and checked before QEMU is started."""
