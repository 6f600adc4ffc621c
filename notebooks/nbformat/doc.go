// Package nbformat reads Jupyter notebooks of the format 4.0 to 4.5 and writes
// them as 4.5. Call Read or Parse first; Save writes atomically.
//
// It refuses, with a *Malformed that names the file, the cell and the remedy,
// what Jupyter would repair in silence or lose: another major format, a member
// that stands twice, bytes after the notebook, text that is not Unicode, a
// member that the format requires and that is missing or of another type, and
// cell ids that are missing, malformed or given twice. Its errors never quote
// the file, which may be no notebook at all.
//
// # What is kept, and how it is written
//
// Members unknown to the format are kept, at every level; numbers keep their
// digits. The form written is that of Jupyter's own writer, so that saving a
// notebook here and there makes no difference to version control: members in
// the order of their names, an indent of one space, text as UTF-8, sources and
// texts as lists of lines, a newline at the end. The same notebook always gives
// the same bytes.
//
//	{
//	 "cells": [
//	  {
//	   "cell_type": "markdown",
//	   "id": "1c2a7f00",
//	   "metadata": {},
//	   "source": [
//	    "# A title\n",
//	    "and a line"
//	   ]
//	  }
//	 ],
//	 "metadata": {},
//	 "nbformat": 4,
//	 "nbformat_minor": 5
//	}
//
// As Jupyter does, it drops what its documentation calls transient: trusted of
// a cell's metadata; orig_nbformat, orig_nbformat_minor and signature of a
// notebook's. Cells of a format before 4.5 have no id and are given one that
// follows from their place and source.
package nbformat
