"""The rehearsal: the whole move in one run, and what it says about the plan's roadmap."""
