"""Images that were compressed, as predict meets them: how strongly their files say they were."""
