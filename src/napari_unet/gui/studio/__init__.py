"""*U-Net Studio*: all panels in one dock, with what to do next; the demo and the sample.

May import `project` and what it stands on; panels are handed in.
"""
