/* The operations about jobs, for the products that have jobs: rows of their own tables. */
#pragma once

#include "control/call.h"

/* ListAsynJobs of Alb and Nlb: what their tables lack is left out. */
int jobs_list(struct call *call);
/* GetJobStatus of Nlb. */
int jobs_get_status(struct call *call);
