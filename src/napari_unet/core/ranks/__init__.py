"""The processes that train one network together, one on each device.

May import the files of `core` that stand alone, such as its errors.
"""
