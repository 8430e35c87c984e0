"""The register of devices: which there are, what each proves itself by, who uses it, and how it is.

What a device is (maker, model, serial number) stands in the record as a Device; here is what the listener and the
intake ask for each message. It holds no reading, and judges none.
"""
