"""The disposable host: namespaces, root, uplink, lifecycle, kernel provisioner."""
