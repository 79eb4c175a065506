"""The last import of the process that commands are forked from.

What was imported is exempt from garbage collections from then on. Otherwise each command would look through all of it
several times, and the memory would be copied, because that changes it.
"""

import gc

gc.collect()
gc.freeze()
