"""reminders: keeps every deadline and tells people before and when it is due.

Owns time: deadlines, timers, delivery. Reads deadlines, notifications and directory; publishes
reminders. Must never remind of what is done, nor let a deadline pass in silence.
"""
