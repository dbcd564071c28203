/* How many objects of a kind there may be on a node.
 *
 * The node file sets the numbers ([quotas]). They bound what the control process keeps in memory; what belongs to one instance,
 * group or list has limits of its own, which are the products'.
 */
#pragma once

#include "control/call.h"

/* Before an operation does its work: 0, or call_fail's if it would make one object too many. */
int quota_check(struct call *call) MUST_CHECK;
