/* golden --list | golden NAME: prints a behaviour's trace. check.sh compares it with NAME.txt. */
#include "behaviours.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static struct world world;

	for (const struct behaviour *b = behaviours; argc == 2 && b->name; b++) {
		if (strcmp(argv[1], "--list") == 0)
			(void)puts(b->name);
		if (strcmp(argv[1], b->name) != 0)
			continue;
		(void)printf("%s\n\n", b->shows);
		b->play(&world);
		world_done(&world);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return 0;
	(void)fprintf(stderr, "usage: golden --list | NAME\n");
	return 2;
}
