"""From words and sounds to how urgent a call is, and whether to check it: pure, and explained."""
