"""Live: system calls to the kernel of this machine, over loopback. Claims what this kernel does, here and now."""
