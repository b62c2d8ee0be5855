"""What recommenders of every family share: settings, examples, negatives, full ranking, baselines, profiles, batch lists."""
