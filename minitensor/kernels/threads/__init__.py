"""Threads: work is cut into tiles that fit the cache, and worker threads run them.

budgets.py        how large a tile is, and from where on a second thread pays
tiles.py          cut, and run: start here
workers.py        the threads that run tiles, and when they end
blas.py           the threads of NumPy's matrix products, limited to one meanwhile
freed_memory.py   keep freed memory for the next array
"""
