"""Parts of forms that know no subject.

May import `session` and `layers`.
"""
