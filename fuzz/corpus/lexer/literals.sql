SELECT 'a\', E'b\'', U&'\0041', $t$ x $t$ -- c
, "q""q", B'1''0', 0x1F, 1.5e-3 /* /* */ */ FROM t WHERE a->>'b' @> $1