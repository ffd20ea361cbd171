"""What every part of the suite speaks of: evaluations, objectives, tasks, budgets, histories."""
