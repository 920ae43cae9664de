"""Attacks: faults, interrupts, hostile names, forged files, odd machines."""
