"""Nothing of one tenant is seen, counted or changed by another: two whole tenants side by side, and every statement watched."""
