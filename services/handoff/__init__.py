"""handoff: gives a won customer an account manager and a checklist of deadlines.

Owns accounts, who manages them, and handoffs. Reads deals, accounts and directory; publishes
handoffs and deadlines. Must never give an account two managers, nor a deal two live handoffs.
"""
