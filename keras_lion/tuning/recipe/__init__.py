"""From an AdamW recipe to a recommendation: proposals, model, tuner."""
