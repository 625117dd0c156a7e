"""How `cassette` records guarded calls and replays them; each file holds one step of it."""
