"""A streaming engine that merges models block by block.

===================  ==========================================================================================
``reading``          where each tensor of a model folder lies in which file
``model``            a model opened for reading in blocks, with an adapter as base plus delta
``adapter``          which of an adapter's tensors change which of the base model's
``delta``            what an adapter adds to a weight
``dtypes``           the number formats that can be merged
``plan``             what will be written, made and checked before any tensor is read
``sources``          from the names in a configuration to models
``mergekit_config``  mergekit's configuration, checked; ``parameter_settings`` its filters and gradients
``distinct``         are two models the same one?
``blocks``           the parts that a tensor is read, computed and written in
``compiler``         numba, which compiles the loops over elements; ``kernels`` those that methods share
``methods``          the arithmetic, one file a method
``rounding``         to float64, and from there to the output's dtype in one rounding
``combining``        a block of the merge out of those of its models
``comparison``       how far the models lie apart
``engine``           the threads that read, combine and write
``writing``          safetensors shards with their index
``journal``          which shards are done, for a restart
``companions``       config, tokenizer, chat template and generation config of the output
``progress``         how many tensors are done
===================  ==========================================================================================

Imports numpy and numba, torch only where there are adapters, and no transformers: a merge starts within a second.
"""

from os import environ

# numpy and scipy, which numba loads, each bring a linear algebra library that starts a thread for every core, and those
# spin for a while before they sleep. Nothing here multiplies matrices with them (torch has its own).
environ.setdefault("OPENBLAS_NUM_THREADS", "1")
