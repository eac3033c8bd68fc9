"""The database: schema, one query file per noun, ``facts`` and ``visible``, the two engines behind one façade.

SQL lives here and nowhere else (``house.md`` 16). ``facts.load`` alone builds ``Facts``; ``visible`` alone answers
"which nodes may this caller see". Imports: ``terms``, types of ``access`` and ``lifecycle``.
"""
