"""Side by side measurement of slbd, nginx and HAProxy; bench/run is the program."""
