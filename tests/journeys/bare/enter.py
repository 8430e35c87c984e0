"""Brings the loopback up in a new network namespace, goes into a root folder and runs a command there.

Run by `unshare --net --mount --pid --fork`: what happens there has no network and no way out.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41

root, *command = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
subprocess.run(["mount", "-t", "proc", "proc", f"{root}/proc"], check=True)
os.chroot(root)
os.chdir("/")
os.execve(command[0], command, {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"})
