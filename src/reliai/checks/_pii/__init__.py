"""Finding personal data and secrets in text: rules, their check digits, and how hits are resolved.

Used by `Pii` and `Secrets` only, and loaded with the first of them. Every rule looks at a bounded
stretch of text around its hit, so that it finds the same in a stream that is held back, and takes
time in proportion to the text, whatever the text is.
"""
