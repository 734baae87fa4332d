"""The face tracker, distilled from the face-mesh teacher."""
