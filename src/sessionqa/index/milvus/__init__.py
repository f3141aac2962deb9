"""The index in Milvus, from a file on a laptop (Milvus Lite) to a cluster: docs/milvus.md.

- address: milvus:http://host:19530/talks -> which server, database and alias
- server: every call with a time limit, retried where that helps, errors in our words
- collections: the two collections of a build, and their names
- records: values by key in one of them, of the build that a reader has opened
- entries: a session, cut and encoded -> what stands in both
- tables: what is looked up by word, facet or abbreviation, kept up to date by differences
- milvus: the Index protocol on them
- live: which build the alias names, and what it is made of
- encoding: a batch of sessions, cut and encoded
- filling: sessions -> a build, new or brought up to date, published at once
- store: the Store protocol on them
"""
