"""Rooms: settled gifts folded into a sequence of events, with totals, ranks and combos, in the room's own slot."""
