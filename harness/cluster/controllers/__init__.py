"""Controllers of the embedded cluster, one module or package each, with their rules in pure modules beside the loops."""
