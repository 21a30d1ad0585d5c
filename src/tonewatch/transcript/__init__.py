"""Speech to text: recognisers of several makes behind one port, and the processes they work in."""
