"""What is learnt, and how: the form of *Fine-tune*.

May import what *Fine-tune* may.
"""
