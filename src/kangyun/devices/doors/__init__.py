"""The ways in that are not MQTT: a device's or phone's batches by HTTP, a vendor cloud's push, readings that are typed.

Each ends where MQTT ends: in the log, on disk before it is acknowledged. What a payload says decides `formats`, whose
it is the register, what becomes of it the intake.
"""
