"""The plugins that come with recipeline, by the same door as everybody else's."""
