"""Codecs: what turns a chunk into bytes and back."""
