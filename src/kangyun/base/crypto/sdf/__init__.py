"""The back end for server cryptographic modules by their library: 密码设备应用接口规范, GM/T 0018.

`library` has the calls, `provider` what they are for. Tested against a library of ours (tests/device.c), which says
nothing of any maker's.
"""

from kangyun.base.crypto.sdf.provider import SdfProvider

__all__ = ["SdfProvider"]
