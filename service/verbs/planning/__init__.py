"""What the plan verb is made of: its checks, its task, its machine, the report and the estimate that it rests on."""
