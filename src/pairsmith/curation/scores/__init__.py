"""The scores, one file each; `registry` names them all."""
