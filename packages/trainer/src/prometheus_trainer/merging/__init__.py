"""A streaming engine that merges models tensor by tensor.

==================  ===============================================================================
``reading``         where each tensor of a model folder lies in which file; reading one
``dtypes``          the number formats that can be merged
``plan``            what will be written, made and checked before any tensor is read
``methods``         the arithmetic, one pure function a method
``combining``       a tensor of the merge out of those of its models, in pieces
``rounding``        from float64 to the output's dtype in one rounding
``finite``          is every value a number?
``distinct``        are two models the same one?
``adapter``         which of an adapter's tensors change which of the base model's
``mergekit_config`` mergekit's configuration, checked; ``parameter_settings``: filters and gradients,
                    ``mergekit_template``: its chat template, ``model_sources``: what names a model
``writing``         safetensors shards with their index
``companions``      config, tokenizer, chat template and generation config of the output
``progress``        how many tensors are done
==================  ===============================================================================

Imports torch and numpy, not transformers: a merge starts in seconds.
"""
