"""Layers, losses, penalties, optimizers and schedules: functions that return equations."""
