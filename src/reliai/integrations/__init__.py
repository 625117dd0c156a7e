"""Where reliai meets other packages; each module needs the package it is named after.

Floor 8: may import everything below it, and nothing imports it but programs.
"""
