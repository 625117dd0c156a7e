"""`reliai demo`: two real models behind real HTTP, failing on a schedule, called bare and guarded.

The functions it calls are those of the project's `examples/`, decorators and all.
"""
